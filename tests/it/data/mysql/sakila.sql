-- A shop that lends films, in the manner of the sakila sample: tables that hang together, views, triggers, routines, and rows made by arithmetic.
SET NAMES utf8mb4;
SET time_zone = '+00:00';
SET sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';
CREATE TABLE actor (actor_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, first_name varchar(45) NOT NULL, last_name varchar(45) NOT NULL, last_update timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY idx_actor_last_name (last_name));
CREATE TABLE category (category_id tinyint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(25) NOT NULL, last_update timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
CREATE TABLE film (
  film_id smallint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, title varchar(128) NOT NULL, description text, release_year year, length smallint unsigned,
  rental_rate decimal(4,2) NOT NULL DEFAULT 4.99, replacement_cost decimal(5,2) NOT NULL DEFAULT 19.99, rating enum('G','PG','PG-13','R','NC-17') DEFAULT 'G',
  special_features set('Trailers','Commentaries','Deleted Scenes','Behind the Scenes'), last_update timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY idx_title (title)
);
CREATE TABLE film_text (film_id smallint unsigned NOT NULL PRIMARY KEY, title varchar(255) NOT NULL, description text, FULLTEXT KEY idx_title_description (title, description));
CREATE TABLE film_actor (actor_id smallint unsigned NOT NULL, film_id smallint unsigned NOT NULL, PRIMARY KEY (actor_id, film_id), KEY idx_fk_film_id (film_id),
  CONSTRAINT fk_film_actor_actor FOREIGN KEY (actor_id) REFERENCES actor (actor_id) ON UPDATE CASCADE, CONSTRAINT fk_film_actor_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON UPDATE CASCADE);
CREATE TABLE film_category (film_id smallint unsigned NOT NULL, category_id tinyint unsigned NOT NULL, PRIMARY KEY (film_id, category_id),
  CONSTRAINT fk_film_category_film FOREIGN KEY (film_id) REFERENCES film (film_id), CONSTRAINT fk_film_category_category FOREIGN KEY (category_id) REFERENCES category (category_id));
CREATE TABLE store (store_id tinyint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, manager_staff_id tinyint unsigned NOT NULL, UNIQUE KEY idx_unique_manager (manager_staff_id));
CREATE TABLE staff (staff_id tinyint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, first_name varchar(45) NOT NULL, picture blob, store_id tinyint unsigned NOT NULL, active boolean NOT NULL DEFAULT TRUE, CONSTRAINT fk_staff_store FOREIGN KEY (store_id) REFERENCES store (store_id));
SET foreign_key_checks = 0;
ALTER TABLE store ADD CONSTRAINT fk_store_staff FOREIGN KEY (manager_staff_id) REFERENCES staff (staff_id);
INSERT INTO store VALUES (1, 1), (2, 2);
SET foreign_key_checks = 1;
INSERT INTO staff VALUES (1, 'Mike', x'89504E470D0A1A0A00', 1, 1), (2, 'Jon', NULL, 2, 0);
CREATE TABLE customer (customer_id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, store_id tinyint unsigned NOT NULL, name varchar(90) NOT NULL, email varchar(90), location geometry, create_date datetime NOT NULL, KEY idx_name (name), CONSTRAINT fk_customer_store FOREIGN KEY (store_id) REFERENCES store (store_id));
CREATE TABLE inventory (inventory_id mediumint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, film_id smallint unsigned NOT NULL, store_id tinyint unsigned NOT NULL, KEY (store_id, film_id), CONSTRAINT fk_inventory_film FOREIGN KEY (film_id) REFERENCES film (film_id), CONSTRAINT fk_inventory_store FOREIGN KEY (store_id) REFERENCES store (store_id));
CREATE TABLE rental (rental_id int NOT NULL AUTO_INCREMENT PRIMARY KEY, rental_date datetime NOT NULL, inventory_id mediumint unsigned NOT NULL, customer_id int unsigned NOT NULL, return_date datetime, UNIQUE KEY (rental_date, inventory_id, customer_id), CONSTRAINT fk_rental_inventory FOREIGN KEY (inventory_id) REFERENCES inventory (inventory_id), CONSTRAINT fk_rental_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id));
CREATE TABLE payment (payment_id int NOT NULL AUTO_INCREMENT PRIMARY KEY, rental_id int, amount decimal(5,2) NOT NULL, payment_date datetime NOT NULL, KEY (payment_date), CONSTRAINT fk_payment_rental FOREIGN KEY (rental_id) REFERENCES rental (rental_id) ON DELETE SET NULL ON UPDATE CASCADE);
DELIMITER ;;
CREATE TRIGGER ins_film AFTER INSERT ON film FOR EACH ROW BEGIN INSERT INTO film_text (film_id, title, description) VALUES (NEW.film_id, NEW.title, NEW.description); END;;
CREATE TRIGGER upd_film AFTER UPDATE ON film FOR EACH ROW BEGIN IF OLD.title <> NEW.title OR OLD.film_id <> NEW.film_id THEN UPDATE film_text SET title = NEW.title, film_id = NEW.film_id WHERE film_id = OLD.film_id; END IF; END;;
CREATE TRIGGER del_film AFTER DELETE ON film FOR EACH ROW BEGIN DELETE FROM film_text WHERE film_id = OLD.film_id; END;;
CREATE TRIGGER rental_date BEFORE INSERT ON rental FOR EACH ROW SET NEW.rental_date = COALESCE(NEW.rental_date, NOW());;
CREATE FUNCTION inventory_in_stock(p_inventory_id int) RETURNS boolean READS SQL DATA
BEGIN
  DECLARE v_out int;
  SELECT COUNT(*) INTO v_out FROM rental WHERE inventory_id = p_inventory_id AND return_date IS NULL;
  RETURN v_out = 0;
END;;
CREATE PROCEDURE film_in_stock(IN p_film_id int, IN p_store_id int, OUT p_film_count int) READS SQL DATA
BEGIN
  SELECT inventory_id FROM inventory WHERE film_id = p_film_id AND store_id = p_store_id AND inventory_in_stock(inventory_id);
  SELECT COUNT(*) FROM inventory WHERE film_id = p_film_id AND store_id = p_store_id AND inventory_in_stock(inventory_id) INTO p_film_count;
END;;
DELIMITER ;
INSERT INTO actor (first_name, last_name, last_update) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT CONCAT('FIRST', i), CONCAT('LAST', i % 40), '2026-02-15 04:34:33' FROM n;
INSERT INTO category (name, last_update) VALUES ('Action', '2026-02-15'), ('Animation', '2026-02-15'), ('Children', '2026-02-15'), ('Comédie', '2026-02-15');
INSERT INTO film (title, description, release_year, length, rental_rate, rating, special_features, last_update)
  WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 800)
  SELECT CONCAT('FILM ', i), CONCAT('A tale no. ', i, ' of a ', HEX(i * 7919), ' and a boat'), 1990 + i % 30, 60 + i % 90, 0.99 + i % 5, 1 + i % 5, i % 16, '2026-02-15' FROM n;
INSERT INTO film_actor SELECT a.actor_id, f.film_id FROM film f JOIN actor a ON (a.actor_id * 7 + f.film_id) % 37 = 0;
INSERT INTO film_category SELECT film_id, 1 + film_id % 4 FROM film;
INSERT INTO customer (store_id, name, email, location, create_date) SELECT 1 + film_id % 2, CONCAT('CUSTOMER ', film_id), CONCAT('c', film_id, '@example.org'), ST_GeomFromText(CONCAT('POINT(', film_id / 10, ' 5)')), '2026-02-14 22:04:36' FROM film WHERE film_id <= 300;
INSERT INTO inventory (film_id, store_id) SELECT film_id, store_id FROM film, store;
INSERT INTO rental (rental_date, inventory_id, customer_id, return_date) SELECT '2026-05-24 22:53:30' + INTERVAL i.inventory_id * 13 MINUTE, i.inventory_id, c.customer_id, IF(c.customer_id % 9 = 0, NULL, '2026-06-01' + INTERVAL c.customer_id HOUR) FROM inventory i JOIN customer c ON (c.customer_id + i.inventory_id) % 60 = 0;
INSERT INTO payment (rental_id, amount, payment_date) SELECT rental_id, 0.99 + rental_id % 7, rental_date FROM rental;
CREATE VIEW film_list AS SELECT f.film_id AS FID, f.title AS title, c.name AS category, GROUP_CONCAT(CONCAT(a.first_name, _utf8mb4' ', a.last_name) ORDER BY a.actor_id SEPARATOR ', ') AS actors FROM film f JOIN film_category fc ON fc.film_id = f.film_id JOIN category c ON c.category_id = fc.category_id LEFT JOIN film_actor fa ON fa.film_id = f.film_id LEFT JOIN actor a ON a.actor_id = fa.actor_id GROUP BY f.film_id, c.name;
CREATE VIEW sales_by_store AS SELECT i.store_id, SUM(p.amount) AS total FROM payment p JOIN rental r ON r.rental_id = p.rental_id JOIN inventory i ON i.inventory_id = r.inventory_id GROUP BY i.store_id;
CREATE SQL SECURITY INVOKER VIEW best_store AS SELECT store_id FROM sales_by_store ORDER BY total DESC LIMIT 1;
